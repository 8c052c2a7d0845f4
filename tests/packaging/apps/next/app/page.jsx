"use client";

import Link from "next/link";
import { useEffect } from "react";
import { expose } from "../shared/expose.js";

// Rendered once by the server, for which the import of the package is all that happens of it.
export default function Page() {
  useEffect(expose, []);
  return (
    <>
      <main>An app</main>
      <nav>
        <Link href="/about">About</Link>
      </nav>
    </>
  );
}
