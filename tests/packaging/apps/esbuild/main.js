import { expose } from "./expose.js";

expose();
