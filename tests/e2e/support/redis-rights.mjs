// The Redis users that docs/redis.md shows, word for word: what is documented is what is tested.

import { readFileSync } from 'node:fs';

const PAGE = readFileSync(new URL('../../../docs/redis.md', import.meta.url), 'utf8');

/** ACL SETUSER's words for the documented user: ['mailer', 'on', '>its password', '~refreshd:*', …]. */
export function documentedUser(name) {
  const line = PAGE.replaceAll('\\\n', ' ').split('\n').find((text) => text.startsWith('redis-cli ') && text.includes(` ACL SETUSER ${name} `));
  if (!line) throw new Error(`docs/redis.md shows no user ${name}`);
  const words = line.split(/ +/);
  return words.slice(words.indexOf('SETUSER') + 1).map((word) => word.replaceAll("'", '').replace('>PASSWORD', `>${passwordOf(name)}`));
}

export const passwordOf = (name) => `pw-of-${name}`;
