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
  #blank = false;
  /** {text, seen}: what was promised and whether it was seen. */
  checks = [];

  #clock() {
    return dim(`${((Date.now() - this.#began) / 1000).toFixed(1).padStart(6)} s`);
  }

  /** Paragraphs are parted by one empty line, whoever asks for it. */
  #print(text) {
    if (text !== '' || !this.#blank) console.log(text);
    this.#blank = text === '';
  }

  title(text) {
    for (const line of ['', bold(text), '']) this.#print(line);
  }

  act(number, text, explanation) {
    for (const line of ['', bold(cyan(`${number}. ${text}`)), `   ${dim(explanation)}`, '']) this.#print(line);
  }

  /** One thing that just happened: who (padded, so that lines align) and what. */
  line(mark, who, what) {
    this.#print(`${this.#clock()}  ${mark} ${bold(who.padEnd(16))} ${what}`);
  }

  /** Name and value pairs below a line. */
  facts(pairs) {
    for (const [name, value] of pairs) this.#print(`             ${dim(name.padEnd(12))} ${value}`);
  }

  /** A command as one would type it, and what it printed. */
  command(line, output) {
    const printed = output.trimEnd().split('\n').map((text) => (text ? `           ${text}` : ''));
    for (const text of ['', `           ${green('$')} ${bold(line)}`, ...printed, '']) this.#print(text);
  }

  /** Says whether something was seen; the demo's exit status hangs on it. */
  check(text, seen) {
    this.checks.push({ text, seen: Boolean(seen) });
    this.#print(`           ${seen ? green('✓') : red('✗')} ${text}`);
  }

  get allSeen() {
    return this.checks.length > 0 && this.checks.every(({ seen }) => seen);
  }
}
