import type { Message } from "./format.ts";

/** How staff sign in: PIN, passkeys, head office. */
export const signin = {
  "signin.other_ways": { zh: "其他登录方式", en: "Other ways to sign in" },
  "signin.or": { zh: "或者", en: "or" },
  "signin.by_passkey": { zh: "用通行密钥登录", en: "Sign in with a passkey" },
  "signin.by_head_office": { zh: "用{name}登录", en: "Sign in with {name}" },
  "signin.mine": { zh: "我的登录方式", en: "My sign-in" },
  "signin.way.pin": { zh: "这次用密码登录", en: "signed in by PIN" },
  "signin.way.passkey": { zh: "这次用通行密钥登录", en: "signed in by passkey" },
  "signin.way.oidc": { zh: "这次用总部账号登录", en: "signed in by head office account" },
  "signin.way.enrolment": { zh: "还没有通行密钥", en: "no passkey yet" },
  "signin.passkeys": { zh: "我的通行密钥", en: "My passkeys" },
  "signin.passkeys_none": {
    zh: "还没有。添加一个，下次用指纹、面容或安全密钥一下就能登录。",
    en: "None yet. Add one, and next time a finger, a face or a security key signs you in.",
  },
  "signin.passkeys_not_here": {
    zh: "这台设备在这个地址不能用通行密钥。请用店里的正式网址打开店员台。",
    en: "Passkeys can’t be used on this device at this address. Please open the console at the store’s own address.",
  },
  "signin.passkeys_not_needed": {
    zh: "您用总部账号登录，这里不用另设密钥。",
    en: "You sign in with your head office account. Nothing to set up here.",
  },
  "signin.passkey_name": { zh: "给它起个名字", en: "What to call it" },
  "signin.passkey_add": { zh: "添加通行密钥", en: "Add a passkey" },
  "signin.passkey_added": { zh: "已添加 {name}", en: "{name} was added" },
  "signin.passkey_added_on": { zh: "{day} 添加", en: "added {day}" },
  "signin.passkey_used": { zh: "上次使用 {day}", en: "last used {day}" },
  "signin.passkey_off": {
    zh: "可能被复制过，已停用，请移除",
    en: "May have been copied; switched off. Please remove it.",
  },
  "signin.passkey_remove_one": { zh: "移除 {name}", en: "Remove {name}" },
  "signin.passkey_remove_title": { zh: "移除这个通行密钥？", en: "Remove this passkey?" },
  "signin.passkey_remove_hint": {
    zh: "“{name}”不能再登录，您在其他设备上的登录也会退出。",
    en: "“{name}” will no longer sign in, and you are signed out on your other devices.",
  },
  "signin.passkey_remove": { zh: "移除", en: "Remove" },
  "signin.passkey_removed": { zh: "已移除 {name}", en: "{name} was removed" },
  "signin.first_title": { zh: "先添加通行密钥", en: "First, add a passkey" },
  "signin.first_hint": {
    zh: "{name}，您的岗位用通行密钥登录：指纹、面容或安全密钥，一下就好。",
    en: "{name}, your role signs in with a passkey: a finger, a face or a security key, in one touch.",
  },
  "signin.first_added": { zh: "已添加，现在用它登录吧", en: "Added. Now sign in with it." },
  "problem.passkey_not_used": {
    zh: "通行密钥没有用上，请再试一次，或换一种方式",
    en: "The passkey was not used. Please try again, or take another way.",
  },
  "problem.passkey_on_device": {
    zh: "这台设备上已经有您的通行密钥了",
    en: "This device already has a passkey of yours.",
  },
  "problem.head_office_cancelled": {
    zh: "没有用总部账号登录，请再试一次，或换一种方式",
    en: "Head office did not sign you in. Please try again, or take another way.",
  },
} as const satisfies Record<string, Message>;
