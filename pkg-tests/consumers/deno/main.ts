import * as throttleai from 'throttleai';
import { scenario } from '../scenario.mjs';

console.log(await scenario(throttleai));
