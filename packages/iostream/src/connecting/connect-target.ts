/** Where to connect: a numeric address and a port, or a Unix socket's path (NUL first: abstract). */
export type ConnectTarget =
  | {
      readonly address: string;
      readonly port: number;
      /** A numeric address of this machine to connect from, and a port (default 0: any). */
      readonly localAddress?: string | undefined;
      readonly localPort?: number | undefined;
    }
  | { readonly path: string };
