// A person with a browser, without the browser: follows redirects, keeps cookies, fills in the
// provider's own forms. What comes back is where the provider sends the browser in the end.
//
//   const back = await approve(url, { account: 'ana' });     // URL of the redirect URI, with code
//   const back = await approve(url, { account: 'ana', refuse: true });   // … with error

const STEPS_MAX = 20;

class Browser {
  #cookies = new Map();

  async request(url, options = {}) {
    const response = await fetch(url, {
      redirect: 'manual',
      headers: { cookie: [...this.#cookies].map(([name, value]) => `${name}=${value}`).join('; '), ...options.headers },
      ...(options.form && { method: 'POST', body: new URLSearchParams(options.form) }),
    });
    for (const cookie of response.headers.getSetCookie()) {
      const [, name, value] = /^([^=]+)=([^;]*)/.exec(cookie);
      if (value === '') this.#cookies.delete(name);
      else this.#cookies.set(name, value);
    }
    return response;
  }
}

const unescape = (text) => text.replaceAll('&#x2F;', '/').replaceAll('&#x3D;', '=').replaceAll('&amp;', '&');

/** @url  what `authorize` gave; @refuse  the person says no at the second page */
export async function approve(url, { account, refuse = false }) {
  const browser = new Browser();
  const { redirect_uri: home } = Object.fromEntries(new URL(url).searchParams);
  let next = { url };
  for (let step = 0; step < STEPS_MAX; step += 1) {
    if (next.url.startsWith(home)) return new URL(next.url);
    const response = await browser.request(next.url, next);
    const location = response.headers.get('location');
    if (location) {
      next = { url: new URL(location, next.url).href };
      continue;
    }
    const page = await response.text();
    const action = /<form[^>]*action="([^"]+)"/.exec(page);
    if (response.status !== 200 || !action) throw new Error(`${next.url}: ${response.status}: ${page.slice(0, 400)}`);
    const target = new URL(unescape(action[1]), next.url).href;
    if (page.includes('name="login"')) next = { url: target, form: { prompt: 'login', login: account, password: 'any' } };
    else next = refuse ? { url: `${target}/abort` } : { url: target, form: { prompt: 'consent' } };
  }
  throw new Error('the pages went round in circles');
}

/** What `complete` takes, out of the URL that came back. */
export function answerOf(back) {
  const { code, state, iss, error, error_description } = Object.fromEntries(back.searchParams);
  return { state, ...(code && { code }), ...(iss && { iss }), ...(error && { error }), ...(error_description && { error_description }) };
}
