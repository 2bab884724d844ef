import { type BadRoute, badDocuments, badFilters } from './bad-case.ts';

type Kind = 'secret' | 'config';

/** What the test made. */
const existing = { secret: 'sec', config: 'cfg' } as const;

const tooLarge = 'A'.repeat(1_400_000);

/** Requests about secrets and configs that must be refused. */
export const badDataRoutes: readonly BadRoute[] = (['secret', 'config'] as const).flatMap(
  (kind) => [
    badCreate(kind),
    badUpdate(kind),
    { line: `GET /${kind}s`, cases: badFilters(`/${kind}s`) },
  ],
);

function badCreate(kind: Kind): BadRoute {
  const name = existing[kind];
  return {
    line: `POST /${kind}s/create`,
    cases: [
      ...badDocuments,
      { what: 'no name', body: { Data: 'YQ==' }, status: 400, says: /name must be provided/ },
      {
        what: 'a name with a path',
        body: { Name: '../x', Data: 'YQ==' },
        status: 400,
        says: /invalid name/,
      },
      {
        what: 'a name that is taken',
        body: { Name: name, Data: 'YQ==' },
        status: 409,
        says: new RegExp(`${kind} ${name} already exists`),
      },
      { what: 'no content', body: { Name: 'x' }, status: 400, says: /data must be larger than 0/ },
      {
        what: 'content that is no base64',
        body: { Name: 'x', Data: 'a b' },
        status: 400,
        says: /Data: must be base64/,
      },
      {
        what: 'too much content',
        body: { Name: 'x', Data: tooLarge },
        status: 400,
        says: /data must be larger than 0 and less than/,
      },
      {
        what: 'an unknown key',
        body: { Name: 'x', Data: 'YQ==', Value: 'a' },
        status: 400,
        says: /Value: unknown key/,
      },
      {
        what: 'labels as texts',
        body: { Name: 'x', Data: 'YQ==', Labels: 'a=b' },
        status: 400,
        says: /Labels: must be an object/,
      },
      {
        what: 'a driver',
        body: { Name: 'x', Data: 'YQ==', Templating: { Name: 'lua' } },
        status: 501,
        says: /templating/,
      },
    ],
  };
}

function badUpdate(kind: Kind): BadRoute {
  const name = existing[kind];
  const route = `POST /${kind}s/${name}/update`;
  return {
    line: `${route}?version=@${kind}`,
    cases: [
      ...badDocuments,
      {
        what: 'other content',
        body: { Name: name, Data: 'Yg==' },
        status: 400,
        says: /Data: only updates to Labels are allowed/,
      },
      {
        what: 'another name',
        body: { Name: 'other' },
        status: 400,
        says: /only updates to Labels are allowed/,
      },
      {
        what: 'no version',
        line: route,
        body: { Name: name },
        status: 400,
        says: /invalid version ''/,
      },
      {
        what: 'an old version',
        line: `${route}?version=0`,
        body: { Name: name, Labels: { a: 'b' } },
        status: 409,
        says: /update out of sequence/,
      },
      {
        what: 'what is not there',
        line: `POST /${kind}s/nope/update?version=1`,
        body: { Name: 'nope' },
        status: 404,
        says: new RegExp(`${kind} nope not found`),
      },
    ],
  };
}
