import { mount } from "svelte";
import "../shared/base.css";
import { language } from "../shared/language.svelte.ts";
import App from "./App.svelte";

language.start("shop");
mount(App, { target: document.getElementById("app")! });
