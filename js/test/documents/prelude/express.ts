/** What the examples of the Express adapter take as given. */
import express from 'express';
import { createGovernor, presets } from 'throttleai';

export { express };
export const app = express();
export const governor = createGovernor(presets.balanced());
