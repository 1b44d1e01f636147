// Style sheets come as text (tools/embed.mjs).
declare module "*.css" {
  const text: string;
  export default text;
}
