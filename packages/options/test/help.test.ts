import { describe, expect, it } from 'vitest';
import { defineOptions, OptionsHelpError } from '../src/index.ts';

const options = defineOptions(
  {
    port: {
      type: 'integer',
      default: 8888,
      short: 'p',
      help: 'the port to listen on',
      env: 'PORT',
      group: 'Server',
    },
    maxBodySize: { type: 'size', default: '10MiB', metavar: 'BYTES', group: 'Server' },
    cache: { type: 'boolean', default: true, help: 'Keeps responses for a while' },
    debug: { type: 'boolean' },
    mode: { type: 'string', choices: ['fast', 'safe'], required: true },
    peers: { type: 'url', multiple: true, help: 'other servers, which are asked if this one does not know' },
    token: { type: 'string', secret: true, default: 'hunter2', env: 'TOKEN' },
    aVeryLongNameOfAnOption: { type: 'duration', default: '1h 30m', help: 'long' },
  },
  {
    program: 'app',
    version: '1.2.3',
    description: 'Serves files.\nA second line.',
    rest: 'FILE...',
    envPrefix: 'APP',
    files: ['/etc/app.json'],
  },
);

describe('the help', () => {
  it('lists the options by group, with defaults and variables [OP-02]', () => {
    expect(options.help({ columns: 80 })).toBe(`Usage: app [options] FILE...

Serves files.
A second line.

Server:
  -p, --port=N           the port to listen on. Default: 8888. Environment:
                         PORT.
  --max-body-size=BYTES  Default: 10MiB. Environment: APP_MAX_BODY_SIZE.

Options:
  --[no-]cache           Keeps responses for a while. Default: true.
                         Environment: APP_CACHE.
  --[no-]debug           Environment: APP_DEBUG.
  --mode=fast|safe       Required. Environment: APP_MODE.
  --peers=URL,...        other servers, which are asked if this one does not
                         know. Environment: APP_PEERS.
  --token=TEXT           Default: (masked). --token-file=FILE reads it from a
                         file. Environment: TOKEN or TOKEN_FILE.
  --a-very-long-name-of-an-option=DURATION
                         long. Default: 1h 30m. Environment:
                         APP_A_VERY_LONG_NAME_OF_AN_OPTION.
  --config=FILE          A JSON file with options; may be repeated, and later
                         files win. Read before it, if they exist:
                         /etc/app.json. Environment: APP_CONFIG.
  --version              Prints the version.
  -h, --help             Prints this help.
`);
  });

  it('fits its columns, except for single words', () => {
    for (const columns of [10, 60, 1_000]) {
      const longest = Math.max(
        ...options
          .help({ columns })
          .split('\n')
          .map((line) => line.length),
      );
      expect(longest).toBeLessThanOrEqual(Math.min(100, Math.max(columns, 62)));
    }
  });

  it('needs no options', () => {
    expect(defineOptions({}, { program: 'app', configOption: false }).help()).toBe(
      'Usage: app [options]\n\nOptions:\n  -h, --help  Prints this help.\n',
    );
  });

  it.each([
    [['--help'], 'Usage: app'],
    [['-h', '--port=x', '--unknown'], 'Usage: app'],
    [['--version', '--help'], '1.2.3\n'],
  ])('is thrown by parse, also if something else is wrong: %j', (argv, text) => {
    try {
      options.parse({ argv, env: {} });
      expect.unreachable();
    } catch (error) {
      expect(error).toBeInstanceOf(OptionsHelpError);
      expect(error).toMatchObject({ code: 'ERR_OPTIONS_HELP', text: expect.stringContaining(text) });
    }
  });

  it('is not wanted after the options have ended', () => {
    expect(options.parse({ argv: ['--mode=fast', '--', '--help'], env: {} }).rest).toEqual(['--help']);
  });
});
