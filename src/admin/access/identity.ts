import type { Response } from 'express';
import type { Identity } from './types';

/** Whom `authenticate` found; null: nobody. */
export const identityOf = (response: Response): Identity | null =>
  (response.locals['identity'] as Identity | undefined) ?? null;
