/** Always the ceiling: what is configured, and nothing found out. */
import type { MakeController } from './controller.ts';

export const fixed: MakeController = ({ ceiling }) => ({ limit: () => ceiling, ended: () => {} });
