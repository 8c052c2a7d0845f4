import Link from "next/link";

export default function About() {
  return (
    <>
      <main>About the app</main>
      <nav>
        <Link href="/">Back</Link>
      </nav>
    </>
  );
}
