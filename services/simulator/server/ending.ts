import type { Ending } from '../behaviour.ts';
import { node } from '../protocol/node.ts';
import type { Connection } from './connection.ts';

/** Ends a connection as told; `unlink` without a session is what a removed device meets at its login. */
export function endWith(connection: Connection, ending: Ending): void {
  switch (ending.how) {
    case 'failure':
      return connection.close(node('failure', { reason: String(ending.reason) }));
    case 'stream-error': {
      const { code, conflict } = ending;
      const reason = conflict === undefined ? [] : [node('conflict', { type: conflict })];
      return connection.close(node('stream:error', code === undefined ? {} : { code: String(code) }, reason));
    }
    case 'close':
      return connection.close();
    case 'cut':
      return connection.cut();
    case 'unlink':
      return connection.close(node('failure', { reason: '401' }));
  }
}
