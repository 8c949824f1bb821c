// Options on the command line: --name=you --times=2 --tag=a,b --delay=1.5s
import { defineOptions } from 'landspout/options';

const options = defineOptions(
  {
    name: { type: 'string', default: 'world', help: 'who is greeted' },
    times: { type: 'integer', default: 1, min: 0, help: 'how often' },
    tag: { type: 'string', multiple: true, help: 'labels' },
    delay: { type: 'duration', default: '1s', help: 'the time between two greetings' },
  },
  { rest: 'FILE' },
);

const { values, rest } = options.parseOrExit();
for (let i = 0; i < values.times; i += 1) console.log(`Hello, ${values.name}`);
console.log(`tags: ${values.tag.join(' and ')}`);
console.log(`delay: ${values.delay} ms`);
console.log(`files: ${rest.join(' and ')}`);
