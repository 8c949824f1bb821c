import { McpServer } from '@modelcontextprotocol/sdk/server/mcp.js';
import type { Topics } from 'landspout';
import { z } from 'zod';
import { currentCall } from './event-store.ts';

/** What is known of a build, as it goes on. The last line is `done`. */
export const BuildLine = z.object({ line: z.string().max(1000), done: z.boolean().default(false) });
export type BuildLine = z.infer<typeof BuildLine>;

export function buildTopic(topics: Topics, name: string) {
  return topics.topic<BuildLine>(`build/${name}`);
}

/** Makes the server of one session. Its tool takes as long as a build, and reports each line as it appears. */
export function createMcpServer(topics: Topics): McpServer {
  const server = new McpServer({ name: 'landspout-builds', version: '1.0.0' });
  server.registerTool(
    'follow_build',
    {
      description:
        'Reports the lines of a build as progress until the build is done, and returns all of them.',
      inputSchema: { name: z.string().regex(/^[\w-]{1,64}$/) },
    },
    async ({ name }, { _meta, sendNotification, signal }) => {
      const progressToken = _meta?.progressToken;
      // More than 0 if the server was killed during the call: these lines have been reported.
      const reported = currentCall.getStore()?.progress ?? 0;
      const lines: string[] = [];
      const subscription = await buildTopic(topics, name).subscribe({ after: 'start', signal });
      for await (const { data } of subscription.records()) {
        lines.push(data.line);
        if (progressToken !== undefined && lines.length > reported) {
          const params = { progressToken, progress: lines.length, message: data.line };
          await sendNotification({ method: 'notifications/progress', params });
        }
        if (data.done) return { content: [{ type: 'text', text: lines.join('\n') }] };
      }
      throw new Error('The log of the build has ended.'); // or the server stops: then the call goes on after the restart
    },
  );
  return server;
}
