import type { HttpHandler } from '../host/http.ts';
import { TuttiError } from '../lib/error.ts';
import { splitVersion } from './api-version.ts';
import { lastManager } from './last-manager.ts';
import { pingReply } from './ping.ts';
import { emptyReply, errorReply, jsonReply, standardHeaders, withHeaders } from './reply.ts';
import { queryFlag, readDocument } from './request.ts';
import { unlockSchema } from './schema-swarm.ts';

/**
 * The Docker API of a manager that waits for its unlock key: it says that it is locked, takes the
 * key, gives its state up by force, and refuses everything else in Swarm's words.
 */
export function lockedRoutes(options: {
  readonly productVersion: string;
  /** @throws TuttiError `unauthenticated` for another key. */
  readonly unlock: (unlockKey: string) => Promise<void>;
  /** Erases everything that the manager keeps. */
  readonly leave: () => Promise<void>;
}): HttpHandler {
  const headers = standardHeaders(options.productVersion, 'locked');
  return async (request) => {
    if (request.path === '/_ping') return withHeaders(pingReply(), headers);
    try {
      const { version, path } = splitVersion(request.path);
      if (request.method === 'GET' && path === '/info') {
        return withHeaders(jsonReply({ Swarm: lockedSwarm }), headers);
      }
      const asked = { http: request, version, params: {} };
      switch (`${request.method} ${path}`) {
        case 'POST /swarm/unlock': {
          const document = await readDocument(asked, unlockSchema);
          await options.unlock(document.UnlockKey ?? '');
          return withHeaders(emptyReply(200), headers);
        }
        case 'POST /swarm/leave':
          if (!queryFlag(asked, 'force')) throw lastManager();
          await options.leave();
          return withHeaders(emptyReply(200), headers);
        default:
          throw locked();
      }
    } catch (reason) {
      return withHeaders(errorReply(reason), headers);
    }
  };
}

const lockedSwarm = {
  NodeID: '',
  NodeAddr: '',
  LocalNodeState: 'locked',
  ControlAvailable: false,
  Error: '',
  RemoteManagers: null,
};

function locked(): TuttiError {
  return new TuttiError(
    'unavailable',
    'Swarm is encrypted and needs to be unlocked before it can be used. Please use "docker swarm ' +
      'unlock" to unlock it.',
  );
}
