/** Below this path are the files of the GraphiQL page. */
export const ASSETS_PATH = "/graphql/assets/";
