// A strict reader of Prometheus' text exposition format 0.0.4: what `promtool check metrics` would
// refuse is refused here too, as far as the format goes.

const NAME = /^[a-zA-Z_:][a-zA-Z0-9_:]*/;
const LABEL = /^([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\\n]|\\["\\n])*)"(,|(?=\}))/;
const VALUE = /^(?:[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?|[+-]?Inf|NaN)$/;
const TYPES = new Set(['counter', 'gauge', 'histogram', 'summary', 'untyped']);
const SUFFIXES = { histogram: ['_bucket', '_sum', '_count'], summary: ['', '_sum', '_count'] };

/** Returns Map(family → {type, help, samples: [{name, labels, value}]}); throws with the line. */
export function parseMetrics(text) {
  if (!text.endsWith('\n')) throw new Error('the last line must end with a newline');
  const families = new Map();
  const closed = new Set();
  const series = new Set();
  let current = null;

  const open = (name, line) => {
    if (current === name) return families.get(name);
    if (closed.has(name)) throw new Error(`metrics of ${name} do not stand together: ${line}`);
    if (current) closed.add(current);
    current = name;
    families.set(name, { type: 'untyped', help: null, samples: [] });
    return families.get(name);
  };

  for (const line of text.slice(0, -1).split('\n')) {
    const comment = /^# (HELP|TYPE) ([^ ]+)(?: (.*))?$/.exec(line);
    if (comment) {
      const [, kind, name, rest = ''] = comment;
      if (NAME.exec(name)?.[0] !== name) throw new Error(`bad metric name: ${line}`);
      const family = open(name, line);
      if (family.samples.length > 0) throw new Error(`${kind} after samples: ${line}`);
      if (kind === 'TYPE') {
        if (!TYPES.has(rest)) throw new Error(`unknown type: ${line}`);
        family.type = rest;
      } else {
        if (family.help !== null) throw new Error(`second HELP: ${line}`);
        family.help = rest;
      }
      continue;
    }
    if (line === '' || line.startsWith('#')) continue;
    const sample = parseSample(line);
    const key = `${sample.name}${JSON.stringify(Object.entries(sample.labels).sort())}`;
    if (series.has(key)) throw new Error(`the same series twice: ${line}`);
    series.add(key);
    open(familyOf(sample.name, families, current), line).samples.push(sample);
  }
  for (const [name, family] of families) check(name, family);
  return families;
}

function parseSample(line) {
  const name = NAME.exec(line)?.[0];
  if (!name) throw new Error(`no metric name: ${line}`);
  let rest = line.slice(name.length);
  const labels = {};
  if (rest.startsWith('{')) {
    rest = rest.slice(1);
    for (let label = LABEL.exec(rest); label; label = LABEL.exec(rest)) {
      if (label[1] in labels) throw new Error(`label twice: ${line}`);
      [, , labels[label[1]]] = label;
      rest = rest.slice(label[0].length);
    }
    if (!rest.startsWith('}')) throw new Error(`bad labels: ${line}`);
    rest = rest.slice(1);
  }
  const [value, timestamp, ...more] = rest.trim().split(/ +/);
  if (!VALUE.test(value) || more.length > 0 || (timestamp && !/^-?\d+$/.test(timestamp))) {
    throw new Error(`bad value: ${line}`);
  }
  return { name, labels, value: Number(value.replace(/Inf$/, 'Infinity')) };
}

function familyOf(name, families, current) {
  if (current && name.startsWith(current)) {
    const suffixes = SUFFIXES[families.get(current).type] ?? [''];
    if (suffixes.some((suffix) => name === current + suffix)) return current;
  }
  return name;
}

function check(name, { type, samples }) {
  if (type === 'counter') {
    if (!name.endsWith('_total')) throw new Error(`a counter's name ends with _total: ${name}`);
    if (samples.some(({ value }) => !(value >= 0))) throw new Error(`a counter is never negative: ${name}`);
  }
  if (type !== 'histogram') return;
  const groups = Map.groupBy?.(samples, groupKey) ?? groupBy(samples, groupKey);
  for (const group of groups.values()) {
    const buckets = group.filter((sample) => sample.name.endsWith('_bucket'));
    const counts = buckets.map(({ value }) => value);
    if (counts.some((count, i) => i > 0 && count < counts[i - 1])) throw new Error(`buckets must not fall: ${name}`);
    const last = buckets.at(-1);
    const count = group.find((sample) => sample.name.endsWith('_count'));
    if (last?.labels.le !== '+Inf' || last.value !== count?.value) throw new Error(`no +Inf bucket equal to _count: ${name}`);
    if (!group.some((sample) => sample.name.endsWith('_sum'))) throw new Error(`no _sum: ${name}`);
  }
}

const groupKey = ({ labels: { le, ...rest } }) => JSON.stringify(Object.entries(rest).sort());

function groupBy(items, keyOf) {
  const groups = new Map();
  for (const item of items) {
    const key = keyOf(item);
    groups.set(key, [...(groups.get(key) ?? []), item]);
  }
  return groups;
}
