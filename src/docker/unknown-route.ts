import type { HttpRequest } from '../host/http.ts';
import { TuttiError } from '../lib/error.ts';

/**
 * What nobody here answers: 501, as for everything that Docker has and Tutti has not. `allowed` are
 * the methods that the path does take.
 */
export function unknownRoute(request: HttpRequest, allowed: readonly string[] = []): TuttiError {
  const route = `${request.method} ${request.path}`;
  return allowed.length > 0
    ? new TuttiError(
        'unimplemented',
        `${route} is not supported; this path takes ${allowed.join(', ')}`,
      )
    : new TuttiError('unimplemented', `${route} is not supported: Tutti has no such route`, {
        hint: "What only a container engine has, the node's engine answers on its own socket.",
      });
}
