// How the demo writes: lines with the time since the start, colour where a terminal shows it.

const colourful = process.stdout.isTTY && !process.env.NO_COLOR && process.env.TERM !== 'dumb';
const paint = (code) => (text) => (colourful ? `\x1b[${code}m${text}\x1b[0m` : String(text));

export const bold = paint('1');
export const dim = paint('2');
export const red = paint('31');
export const green = paint('32');
export const yellow = paint('33');
export const cyan = paint('36');

export class Screen {
  #began = Date.now();
  /** {text, seen}: what was promised and whether it was seen. */
  checks = [];

  #clock() {
    return dim(`${((Date.now() - this.#began) / 1000).toFixed(1).padStart(6)} s`);
  }

  title(text) {
    console.log(`\n${bold(text)}\n`);
  }

  act(number, text, explanation) {
    console.log(`\n${bold(cyan(`${number}. ${text}`))}`);
    console.log(`   ${dim(explanation)}\n`);
  }

  /** One thing that just happened: who (padded, so that lines align) and what. */
  line(mark, who, what) {
    console.log(`${this.#clock()}  ${mark} ${bold(who.padEnd(16))} ${what}`);
  }

  /** Name and value pairs below a line. */
  facts(pairs) {
    for (const [name, value] of pairs) console.log(`             ${dim(name.padEnd(12))} ${value}`);
  }

  /** A command as one would type it, and what it printed. */
  command(line, output) {
    console.log(`\n           ${green('$')} ${bold(line)}`);
    for (const text of output.trimEnd().split('\n')) console.log(`           ${text}`);
    console.log('');
  }

  /** Says whether something was seen; the demo's exit status hangs on it. */
  check(text, seen) {
    this.checks.push({ text, seen: Boolean(seen) });
    console.log(`           ${seen ? green('✓') : red('✗')} ${text}`);
  }

  get allSeen() {
    return this.checks.length > 0 && this.checks.every(({ seen }) => seen);
  }
}
