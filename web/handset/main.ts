import { mount } from "svelte";
import "../shared/base.css";
import { language } from "../shared/language.svelte.ts";
import App from "./App.svelte";
import { keepShellFresh } from "./shell.ts";

language.start("handset");
mount(App, { target: document.getElementById("app")! });
keepShellFresh();
