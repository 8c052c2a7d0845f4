/** The cache of the site under `scope`: an origin may have several, each in its folder. */
export const cacheName = (scope: string): string => `inglenook-offline ${scope}`;
