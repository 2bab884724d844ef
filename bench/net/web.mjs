// The program behind the ports that are measured: the same short answer to everybody.
import { createServer } from 'node:http';

const body = 'well\n';
createServer((_request, reply) => {
  reply.writeHead(200, { 'Content-Type': 'text/plain', 'Content-Length': body.length });
  reply.end(body);
}).listen(80);
process.on('SIGTERM', () => process.exit());
