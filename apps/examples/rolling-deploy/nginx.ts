import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { endWithUs } from './programs.ts';

/** Debian has it in a folder that is on the path of root only. */
const PROGRAM = existsSync('/usr/sbin/nginx') ? '/usr/sbin/nginx' : 'nginx';
/** Folders that nginx would otherwise make where only root may. */
const TEMPORARY = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'];

export interface NginxOptions {
  /** For the configuration, the log and temporary files. */
  readonly folder: string;
  readonly port: number;
  /** Most clients. Each takes two connections of nginx. */
  readonly clients: number;
  /** How long workers of an earlier configuration keep their connections, in milliseconds. */
  readonly shutdownMs: number;
}

/** An nginx in front of one server, which another one can replace. */
export class Nginx {
  readonly #options: NginxOptions;
  #process: ChildProcess | undefined;

  constructor(options: NginxOptions) {
    this.#options = options;
  }

  get url(): string {
    return `http://127.0.0.1:${this.#options.port}`;
  }

  /** Starts nginx in front of the server at that port. */
  start(upstreamPort: number): void {
    this.#configure(upstreamPort);
    const { folder } = this.#options;
    const args = ['-e', 'stderr', '-p', folder, '-c', path.join(folder, 'nginx.conf')];
    this.#process = spawn(PROGRAM, args, { stdio: ['ignore', 'inherit', 'inherit'] });
    endWithUs(this.#process);
    this.#process.on('error', (error) => console.error(`nginx does not start: ${error.message}`));
  }

  /**
   * Sends new connections to another server. What is open stays with the workers that have it, until the server closes
   * it or `shutdownMs` is over.
   */
  switchTo(upstreamPort: number): void {
    this.#configure(upstreamPort);
    this.#process?.kill('SIGHUP');
  }

  /** Stops nginx at once. */
  async stop(): Promise<void> {
    const nginx = this.#process;
    if (nginx?.pid === undefined || nginx.exitCode !== null) return;
    nginx.kill('SIGTERM');
    await once(nginx, 'exit');
  }

  #configure(upstreamPort: number): void {
    const { folder } = this.#options;
    writeFileSync(path.join(folder, 'nginx.conf'), configuration(this.#options, upstreamPort));
  }
}

function configuration({ folder, port, clients, shutdownMs }: NginxOptions, upstreamPort: number): string {
  const connections = clients * 2 + 512;
  return `daemon off;
pid ${folder}/nginx.pid;
# Less than crit would be a line for each client that is away before its connection is closed.
error_log stderr crit;
worker_processes auto;
worker_rlimit_nofile ${connections + 512};
# Without it, workers of an earlier configuration stay as long as one of their clients does.
worker_shutdown_timeout ${shutdownMs}ms;
events { worker_connections ${connections}; }

http {
  access_log off;
${TEMPORARY.map((name) => `  ${name}_temp_path ${folder}/${name};`).join('\n')}

  # A WebSocket needs the header "Connection: upgrade"; other requests keep their connection to the server.
  map $http_upgrade $connection_header { default upgrade; '' ''; }

  upstream chat {
    server 127.0.0.1:${upstreamPort};
    keepalive 16;
  }

  server {
    listen 127.0.0.1:${port};

    location / {
      proxy_pass http://chat;
      proxy_http_version 1.1;
      proxy_set_header Upgrade $http_upgrade;
      proxy_set_header Connection $connection_header;
      # Pages may connect only if their origin has this host.
      proxy_set_header Host $http_host;
      proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
      proxy_set_header X-Forwarded-Proto $scheme;
      # The default of 60 s would be enough with the server's pings, every 30 s; event streams have comments every 15 s.
      proxy_read_timeout 1h;
      proxy_send_timeout 1h;
      # For event streams.
      proxy_buffering off;
    }
  }
}
`;
}
