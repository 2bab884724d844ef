import { z } from 'zod';
import type { HttpReply, HttpRequest } from '../host/http.ts';
import { TuttiError } from '../lib/error.ts';
import type { ControlPlane } from '../manager/control-plane.ts';
import type { Node } from '../model/node.ts';
import type { NodeInspection, NodeReport } from '../model/report.ts';
import { nameKey } from '../store/schema.ts';
import { reportDrain, tasksOnNode } from './drain-report.ts';
import { reportNode } from './reports.ts';
import { parseBody } from './request-body.ts';
import { reportTask } from './task-reports.ts';
import { watchReport } from './watch.ts';

const availabilitySchema = z.strictObject({
  availability: z.enum(['active', 'pause', 'drain']),
});

/** All nodes, in the order in which they joined. */
export function listNodes(controlPlane: ControlPlane): readonly NodeReport[] {
  return [...controlPlane.view.nodes.all()].map((node) => reportNode(controlPlane, node.id));
}

/**
 * The node of that name, that id, or the only one whose id begins so; `self` is this one.
 *
 * @throws TuttiError `not-found` or, when several fit, `invalid-argument`.
 */
export function findNode(controlPlane: ControlPlane, reference: string): Node {
  const { nodes } = controlPlane.view;
  const named = [...nodes.by('hostname', nameKey(reference))];
  const self = reference === 'self' ? controlPlane.nodeId : undefined;
  const exact = nodes.get(self ?? reference);
  const near =
    reference === '' ? [] : [...nodes.all()].filter((node) => node.id.startsWith(reference));
  const found = exact === undefined ? (named.length > 0 ? named : near) : [exact];
  const [node] = found;
  if (node === undefined) {
    throw new TuttiError('not-found', `no such node: ${reference}`, {
      hint: 'tutti node ls lists the nodes.',
    });
  }
  if (found.length > 1) {
    throw new TuttiError(
      'invalid-argument',
      `node ${reference} is ambiguous (${found.length} matches found)`,
      { field: 'node', hint: 'Give the id, or more characters of it.' },
    );
  }
  return node;
}

export function inspectNode(controlPlane: ControlPlane, node: Node): NodeInspection {
  const tasks = tasksOnNode(controlPlane, node.id);
  return {
    ...reportNode(controlPlane, node.id),
    labels: node.spec.labels,
    description: node.description,
    onIt: tasks
      .map((task) => reportTask(controlPlane, task))
      .toSorted((left, right) => left.name.localeCompare(right.name)),
  };
}

/** Reports of a drain after each change on any node: successors are on others. */
export function watchDrain(
  controlPlane: ControlPlane,
  of: { readonly node: Node; readonly request: HttpRequest },
): HttpReply {
  return watchReport(controlPlane, {
    signal: of.request.signal,
    report: () => reportDrain(controlPlane, of.node.id),
    isChangedBy: ({ table }) => table === 'tasks' || table === 'nodes',
    isChangedByTask: () => true,
  });
}

/**
 * What people want of the node from now on; the same again changes nothing.
 *
 * @throws TuttiError `invalid-argument` for a body that says something else.
 */
export async function setAvailability(
  controlPlane: ControlPlane,
  of: { readonly node: Node; readonly request: HttpRequest },
): Promise<NodeReport> {
  const { node, request } = of;
  const { availability } = parseBody(availabilitySchema, await request.body());
  if (node.spec.availability !== availability) {
    await controlPlane.updateNode(node.id, { ...node.spec, availability }, node.version);
  }
  return reportNode(controlPlane, node.id);
}
