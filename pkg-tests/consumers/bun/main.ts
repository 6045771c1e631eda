import * as throttleai from 'throttleai';
import * as providers from 'throttleai/providers';
import { providersScenario, scenario } from '../scenario.mjs';

providersScenario(providers);
console.log(await scenario(throttleai));
