import { type BadRoute, badDocuments, badFilters } from './bad-case.ts';
import { badServices, badServicesCalled } from './bad-services.ts';

/** Requests about services and tasks that must be refused. */
export const badServiceRoutes: readonly BadRoute[] = [
  { line: 'POST /services/create', cases: [...badDocuments, ...badServices] },
  {
    line: 'POST /services/w/update?version=@w',
    cases: [
      ...badServicesCalled('w'),
      {
        what: 'no version',
        line: 'POST /services/w/update',
        body: {},
        status: 400,
        says: /invalid version ''/,
      },
      {
        what: 'a version that is none',
        line: 'POST /services/w/update?version=x',
        body: {},
        status: 400,
        says: /invalid version 'x'/,
      },
      {
        what: 'an old version',
        line: 'POST /services/w/update?version=1',
        body: { Name: 'w', TaskTemplate: { ContainerSpec: { Image: 'bb:1' } } },
        status: 409,
        says: /update out of sequence/,
      },
      {
        what: 'another name',
        body: { Name: 'v', TaskTemplate: { ContainerSpec: { Image: 'bb:1' } } },
        status: 501,
        says: /renaming services is not supported/,
      },
      {
        what: 'another mode',
        body: {
          Name: 'w',
          TaskTemplate: { ContainerSpec: { Image: 'bb:1' } },
          Mode: { Global: {} },
        },
        status: 501,
        says: /service mode change is not allowed/,
      },
      {
        what: 'an unknown rollback',
        line: 'POST /services/w/update?version=@w&rollback=all',
        body: {},
        status: 400,
        says: /rollback/,
      },
      {
        what: 'a rollback to nothing',
        line: 'POST /services/w/update?version=@w&rollback=previous',
        body: { Name: 'w', TaskTemplate: { ContainerSpec: { Image: 'bb:1' } } },
        status: 400,
        says: /does not have a previous spec/,
      },
      {
        what: 'an unknown source of credentials',
        line: 'POST /services/w/update?version=@w&registryAuthFrom=x',
        body: {},
        status: 400,
        says: /registryAuthFrom/,
      },
      {
        what: 'a service that is not there',
        line: 'POST /services/nope/update?version=1',
        body: {},
        status: 404,
        says: /service nope not found/,
      },
    ],
  },
  {
    line: 'GET /services',
    cases: [
      ...badFilters('/services'),
      {
        what: 'an unknown mode',
        line: `GET /services?filters=${encodeURIComponent('{"mode":["swarm"]}')}`,
        status: 400,
        says: /mode=swarm/,
      },
    ],
  },
  {
    line: 'GET /services/w/logs?stdout=1',
    cases: [
      { what: 'no stream', line: 'GET /services/w/logs', status: 400, says: /stdout or stderr/ },
      {
        what: 'streams switched off',
        line: 'GET /services/w/logs?stdout=0&stderr=false',
        status: 400,
        says: /stdout or stderr/,
      },
      {
        what: 'a tail that is no number',
        line: 'GET /services/w/logs?stdout=1&tail=x',
        status: 400,
        says: /tail/,
      },
      {
        what: 'a negative tail',
        line: 'GET /services/w/logs?stdout=1&tail=-1',
        status: 400,
        says: /tail/,
      },
      {
        what: 'a tail beyond counting',
        line: 'GET /services/w/logs?stdout=1&tail=99999999999',
        status: 400,
        says: /tail/,
      },
      {
        what: 'a date as since',
        line: 'GET /services/w/logs?stdout=1&since=2026-11-21',
        status: 400,
        says: /since/,
      },
      {
        what: 'a date as until',
        line: 'GET /services/w/logs?stdout=1&until=now',
        status: 400,
        says: /until/,
      },
      {
        what: 'a service that is not there',
        line: 'GET /services/nope/logs?stdout=1',
        status: 404,
        says: /service nope not found/,
      },
    ],
  },
  {
    line: 'GET /tasks',
    cases: [
      ...badFilters('/tasks'),
      {
        what: 'an unknown state',
        line: `GET /tasks?filters=${encodeURIComponent('{"desired-state":["up"]}')}`,
        status: 400,
        says: /desired-state=up/,
      },
      {
        what: 'a service that is not there',
        line: `GET /tasks?filters=${encodeURIComponent('{"service":["nope"]}')}`,
        status: 404,
        says: /service nope not found/,
      },
      {
        what: 'a node that is not there',
        line: `GET /tasks?filters=${encodeURIComponent('{"node":["nope"]}')}`,
        status: 404,
        says: /node nope not found/,
      },
    ],
  },
];
