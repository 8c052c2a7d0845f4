import { expose } from "./shared/expose.js";

expose();
