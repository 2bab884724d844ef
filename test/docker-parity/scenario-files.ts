/** Obeys SIGTERM, as `sleep` by itself would not. */
export const obedient = "/bin/sh -c 'trap exit TERM; sleep 1000 & wait'";

const obedientCommand = '["/bin/sh", "-c", "trap exit TERM; sleep 1000 & wait"]';

const stackFile = `
version: "3.8"
services:
  web:
    image: bb:1
    command: ${obedientCommand}
    ports: ["18090:80"]
    networks: [front]
    volumes: ["data:/d"]
    secrets: [s1]
    configs: [c1]
    deploy:
      replicas: 2
      labels: { tier: web }
      resources: { limits: { memory: 32M } }
      restart_policy: { condition: on-failure, max_attempts: 3 }
      update_config: { order: start-first, monitor: 1s }
      placement:
        constraints: ["node.role==manager"]
        preferences: [{ spread: node.labels.zone }]
  other:
    image: bb:1
    command: ${obedientCommand}
networks: { front: {} }
volumes: { data: {} }
secrets: { s1: { file: ./sec } }
configs: { c1: { file: ./cfg } }
`;

const smallStack = `
version: "3.8"
services:
  one:
    image: bb:1
    command: ${obedientCommand}
    deploy: { replicas: 0, labels: [a=b] }
`;

/** Files that commands of the scenario read. */
export const scenarioFiles: Readonly<Record<string, string>> = {
  sec: 'secret',
  cfg: 'conf',
  empty: '',
  long: 'x'.repeat(600_000),
  large: 'x'.repeat(1_048_577),
  'image/Dockerfile': 'FROM bb:1\nRUN echo made >/made\nCOPY given /given\nCMD cat /made /given\n',
  'image/given': 'given\n',
  'some.env': 'FROM_FILE=1\n# not this\nOTHER=two words\n',
  'st.yml': stackFile,
  'small.yml': smallStack,
  'two.yml': `${smallStack}  two:\n    image: bb:1\n    deploy: { replicas: 0 }\n`,
  'more.yml': 'version: "3.8"\nservices: { one: { environment: { MORE: "1" } } }\n',
  'unknown-key.yml': 'version: "3.8"\nservices: { one: { image: bb:1, colour: red } }\n',
  'wrong-type.yml': 'version: "3.8"\nservices: { one: { image: [bb] } }\n',
  'no-image.yml': 'version: "3.8"\nservices: { one: { command: x } }\n',
  'unsupported.yml': `
version: "3.8"
services: { one: { image: bb:1, build: ., links: [x], privileged: true, deploy: { replicas: 0 } } }
`,
  'outside.yml': `
version: "3.8"
services: { one: { image: bb:1, networks: [out] } }
networks: { out: { external: true, name: nope } }
`,
  'no-secret.yml': `
version: "3.8"
services: { one: { image: bb:1, secrets: [gone] } }
secrets: { gone: { external: true } }
`,
};
