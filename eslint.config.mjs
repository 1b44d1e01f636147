import js from "@eslint/js";
import ts from "typescript-eslint";

export default [
  { ignores: ["target/**", "dist/**", "node_modules/**", ".cache/**"] },
  js.configs.recommended,
  ...ts.configs.recommended,
  {
    files: ["tools/**", "tests/**"],
    languageOptions: {
      globals: {
        process: "readonly",
        DOMException: "readonly",
        caches: "readonly",
        setInterval: "readonly",
        clearInterval: "readonly",
        self: "readonly",
        File: "readonly",
        DragEvent: "readonly",
        DataTransfer: "readonly",
        ClipboardEvent: "readonly",
        console: "readonly",
        URL: "readonly",
        URLSearchParams: "readonly",
        addEventListener: "readonly",
        history: "readonly",
        Buffer: "readonly",
        setTimeout: "readonly",
        performance: "readonly",
        // Inside page.evaluate.
        document: "readonly",
        window: "readonly",
        innerWidth: "readonly",
        location: "readonly",
        getComputedStyle: "readonly",
        localStorage: "readonly",
        navigator: "readonly",
        postMessage: "readonly",
        dispatchEvent: "readonly",
        MessageEvent: "readonly",
        DOMParser: "readonly",
        MutationObserver: "readonly",
        requestAnimationFrame: "readonly",
        Event: "readonly",
      },
    },
  },
];
