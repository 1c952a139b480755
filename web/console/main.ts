import { mount } from "svelte";
import "../shared/base.css";
import { language } from "../shared/language.svelte.ts";
import App from "./App.svelte";

language.start("console");
mount(App, { target: document.getElementById("app")! });
