import { describeError } from '../shared/describe-error.ts';
import { methodNotAllowed, textReply } from '../shared/reply.ts';
import type { Handler, PageRequest, Reply } from '../shared/reply.ts';
import type { PageSettings } from '../shared/settings.ts';
import type { Vote } from '../shared/vote.ts';
import { readChoice, readVoterId, voterCookie } from './ballot.ts';
import { renderVotePage } from './page.ts';

export interface VoteAppOptions {
  readonly settings: PageSettings;
  readonly hostName: string;
  /** Puts a vote into the queue; resolves once the queue has it, rejects when that is not sure. */
  readonly castVote: (vote: Vote) => Promise<void>;
  /** Whether the queue has been reached at least once. */
  readonly isReady: () => boolean;
  readonly nowMs: () => number;
  readonly newVoterId: () => string;
}

/** Paths: `/` shows the page and takes votes, `/healthz` is for health checks. */
export function createVoteApp(options: VoteAppOptions): Handler {
  return async (request) => {
    switch (request.path) {
      case '/':
        return request.method === 'POST' ? takeVote(options, request) : showPage(options, request);
      case '/healthz':
        // Ready once means ready: a queue that is away for a moment is no reason to replace us.
        return options.isReady()
          ? textReply(200, 'ok')
          : textReply(503, 'The queue was not reached yet.');
      default:
        return textReply(404, 'There is nothing here. The page is at /.');
    }
  };
}

function showPage({ settings, hostName }: VoteAppOptions, request: PageRequest): Reply {
  if (request.method !== 'GET' && request.method !== 'HEAD') {
    return methodNotAllowed(request.method, 'GET, HEAD, POST');
  }
  const page = renderVotePage({ settings, hostName });
  return { kind: 'body', status: 200, headers: page.headers, body: page.html };
}

async function takeVote(options: VoteAppOptions, request: PageRequest): Promise<Reply> {
  const choice = readChoice(request.body);
  if (choice === undefined) {
    return textReply(400, 'The field "vote" must be there once and be "a" or "b".');
  }
  const voterId = readVoterId(request.cookie) ?? options.newVoterId();
  const cookie = { 'set-cookie': voterCookie(voterId) };
  try {
    await options.castVote({ voterId, choice, castAtMs: options.nowMs() });
  } catch (error) {
    console.error(`a vote was not taken: ${describeError(error)}`);
    // The cookie goes out all the same: should the vote have got through, voting again as the same
    // person replaces it instead of counting twice.
    return textReply(503, 'The vote could not be stored. Please vote again in a moment.', {
      ...cookie,
      'retry-after': '1',
    });
  }
  const page = renderVotePage({ settings: options.settings, hostName: options.hostName, choice });
  return { kind: 'body', status: 200, headers: { ...page.headers, ...cookie }, body: page.html };
}
