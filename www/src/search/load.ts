// Loads what is searched: a file beside the page, or inside of it in the page that is one file.
import { beside } from "../beside";
import { carried } from "../carried";
import { Search } from "./match";
import type { Index } from "./types";

let loaded: Promise<Search> | null = null;

export function loadSearch(): Promise<Search> {
  loaded ??= read().then((index) => new Search(index));
  // Another try is a new one: the network may be back.
  loaded.catch(() => (loaded = null));
  return loaded;
}

async function read(): Promise<Index> {
  if (carried) return carried.search as Index;
  const response = await fetch(beside("search.json"));
  if (!response.ok) throw new Error(`search.json: ${response.status}`);
  return (await response.json()) as Index;
}
