import { describeError } from '../shared/describe-error.ts';
import { jsonReply, methodNotAllowed, textReply } from '../shared/reply.ts';
import type { Handler, Reply } from '../shared/reply.ts';
import type { PageSettings } from '../shared/settings.ts';
import type { LiveTally } from './live-tally.ts';
import { renderResultPage } from './page.ts';
import type { Tally } from './tally.ts';

export interface ResultAppOptions {
  readonly settings: PageSettings;
  readonly hostName: string;
  readonly readTally: () => Promise<Tally>;
  readonly live: Pick<LiveTally, 'watch'>;
  /** Whether the database has answered at least once. */
  readonly isReady: () => boolean;
}

/** Paths: `/` the page, `/api/results` and `/api/events` for programs, `/healthz` for checks. */
export function createResultApp(options: ResultAppOptions): Handler {
  return async (request) => {
    if (request.method !== 'GET' && request.method !== 'HEAD') {
      return methodNotAllowed(request.method, 'GET, HEAD');
    }
    switch (request.path) {
      case '/':
        return withTally(options, (tally) => {
          const page = renderResultPage({ ...options, tally });
          return { kind: 'body', status: 200, headers: page.headers, body: page.html };
        });
      case '/api/results':
        return withTally(options, (tally) => jsonReply(200, tally));
      case '/api/events':
        return {
          kind: 'events',
          open: (send, closed) =>
            options.live.watch((tally) => send(JSON.stringify(tally)), closed),
        };
      case '/healthz':
        // Ready once means ready: a database that is away for a moment is no reason to replace us.
        return options.isReady()
          ? textReply(200, 'ok')
          : textReply(503, 'The database was not reached yet.');
      default:
        return textReply(404, 'There is nothing here. The page is at /.');
    }
  };
}

async function withTally(
  { readTally }: ResultAppOptions,
  render: (tally: Tally) => Reply,
): Promise<Reply> {
  try {
    return render(await readTally());
  } catch (error) {
    console.error(`the votes cannot be read: ${describeError(error)}`);
    return textReply(503, 'The votes cannot be read just now. Please try again in a moment.', {
      'retry-after': '1',
    });
  }
}
