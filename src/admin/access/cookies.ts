import type { CookieOptions, Request, Response } from 'express';

export interface Cookies {
  get(request: Request, name: string): string | null;
  set(response: Response, name: string, value: string, maxAgeMs: number): void;
  clear(response: Response, name: string): void;
}

/** secure: browsers reach us by HTTPS. Plain HTTP on loopback cannot have the prefix `__Host-` (RFC 6265bis 4.1.3.2). */
export function cookies(secure: boolean): Cookies {
  const full = (name: string): string => `${secure ? '__Host-' : ''}raunet-${name}`;
  // Lax, not Strict: after a sign-in the browser comes from the provider's site. Nothing is changed by a GET.
  const options: CookieOptions = { httpOnly: true, secure, sameSite: 'lax', path: '/' };
  return {
    get(request, name) {
      const start = `${full(name)}=`;
      const found = (request.headers.cookie ?? '').split(/; */).find((each) => each.startsWith(start));
      return found === undefined ? null : found.slice(start.length);
    },
    set: (response, name, value, maxAge) =>
      void response.cookie(full(name), value, { ...options, maxAge, encode: String }),
    clear: (response, name) => void response.clearCookie(full(name), options),
  };
}
