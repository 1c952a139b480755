import { mount } from "svelte";
import "../shared/base.css";
import { language } from "../shared/language.svelte.ts";
import App from "./App.svelte";
import { keepShellFresh } from "./shell.ts";
import { closeWalletWindow } from "./wallet-window.ts";

if (!closeWalletWindow()) {
  language.start("handset");
  mount(App, { target: document.getElementById("app")! });
  keepShellFresh();
}
