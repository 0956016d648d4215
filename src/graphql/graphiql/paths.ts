/** The path below which the files of the GraphiQL page are served. */
export const ASSETS_PATH = "/graphql/assets/";
