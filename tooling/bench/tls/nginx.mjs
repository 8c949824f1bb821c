import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { certificateFiles } from './certificates.mjs';

const HELLO = 'return 200 "Hello, world!";';
/** Larger than any body, so that none is written into a file. */
const BODY_BUFFER = '2m';

/** What the server of a row has beside its address: the certificate, and a location for what is asked. */
export function httpsSettings(row, stage) {
  const [certificate, key] = certificateFiles(row, stage);
  return `
    ssl_certificate ${certificate}; ssl_certificate_key ${key}; ssl_protocols TLSv1.3;
    root ${stage.folder}; default_type text/plain; charset utf-8; open_file_cache max=8;
    etag off; max_ranges 0; add_header Last-Modified "";
    ${locations(row.ask, stage)}`;
}

/**
 * Bodies down are files, whose descriptors stay open. Of bodies up nginx, which runs no handlers, has all before it
 * responds, because a mirror is given it; the response is a file, which it sends in place of the error that it takes no
 * POST for a file.
 */
function locations({ id, downBytes = 0, upBytes = 0 }, { folder }) {
  if (downBytes + upBytes === 0) return `location = / { ${HELLO} }`;
  const name = `${id}.txt`;
  const body = upBytes > 0 ? String(upBytes) : Buffer.alloc(downBytes, 'All work and no play. ');
  writeFileSync(path.join(folder, name), body);
  if (upBytes === 0) return `location = / { rewrite ^ /${name} break; }`;
  return `client_body_buffer_size ${BODY_BUFFER}; client_max_body_size ${BODY_BUFFER};
    location = /taken { return 204; }
    location = / { mirror /taken; error_page 405 =200 /${name}; rewrite ^ /${name} break; }`;
}
