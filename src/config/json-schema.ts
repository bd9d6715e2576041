import { z } from 'zod';
import { configSchema } from './schema';

/** JSON Schema (2020-12) of the configuration file, for editors; conf/raunet.schema.json is this text. */
export const jsonSchema = (): string =>
  `${JSON.stringify(z.toJSONSchema(configSchema, { io: 'input', unrepresentable: 'any' }), null, 2)}\n`;
