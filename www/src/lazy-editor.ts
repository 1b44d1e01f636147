// CodeMirror with the scenario language: colours, completion and problems all come from the core.
import { autocompletion, type CompletionContext, type CompletionResult } from "@codemirror/autocomplete";
import { defaultKeymap, history, historyKeymap } from "@codemirror/commands";
import { setDiagnostics, type Diagnostic } from "@codemirror/lint";
import { Annotation, EditorState, StateEffect, StateField, type Text } from "@codemirror/state";
import { Decoration, EditorView, keymap, lineNumbers, type DecorationSet } from "@codemirror/view";
import type { App } from "./app";

const fromOutside = Annotation.define<boolean>();
const painted = StateEffect.define<DecorationSet>();
const judged = StateEffect.define<DecorationSet>();
/** Decorations that are set as a whole by an effect, and move with the text in between. */
const decorated = (by: typeof painted) =>
  StateField.define<DecorationSet>({
    create: () => Decoration.none,
    update(set, transaction) {
      for (const effect of transaction.effects) if (effect.is(by)) return effect.value;
      return set.map(transaction.changes);
    },
    provide: (field) => EditorView.decorations.from(field),
  });

export function codeEditor(place: HTMLElement, app: App, typed: (text: string) => void) {
  const { t } = app;
  const complete = async (context: CompletionContext): Promise<CompletionResult | null> => {
    const line = context.state.doc.lineAt(context.pos);
    if (!context.explicit && !context.matchBefore(/\S+$/)) return null;
    const column = [...line.text.slice(0, context.pos - line.from)].length + 1;
    const offer = await app.machine.ask(
      "offer",
      context.state.doc.toString(),
      line.number,
      column,
      app.state.lang,
    );
    if (!offer.words.length) return null;
    return {
      from: offset(context.state.doc, line.number, offer.column),
      options: offer.words.map((w) => ({ label: w.word, detail: w.detail, info: w.meaning || undefined })),
      validFor: /^[\w-]*$/,
    };
  };
  const view = new EditorView({
    parent: place,
    state: EditorState.create({
      doc: app.state.text,
      extensions: [
        lineNumbers(),
        EditorView.lineWrapping,
        history(),
        decorated(painted),
        decorated(judged),
        autocompletion({ override: [complete] }),
        keymap.of([...defaultKeymap, ...historyKeymap]),
        EditorView.contentAttributes.of({ "aria-label": t("editor") }),
        EditorView.updateListener.of((update) => {
          if (!update.docChanged) return;
          void colour();
          if (!update.transactions.some((tr) => tr.annotation(fromOutside)))
            typed(update.state.doc.toString());
        }),
      ],
    }),
  });
  const colour = async () => {
    const doc = view.state.doc;
    const runs = await app.machine.ask("colours", doc.toString());
    if (view.state.doc !== doc) return;
    const marks = runs
      .filter((r) => r.len > 0 && r.line <= doc.lines)
      .map((r) =>
        Decoration.mark({ class: `c-${r.class}` }).range(
          offset(doc, r.line, r.column),
          offset(doc, r.line, r.column + r.len),
        ),
      );
    view.dispatch({ effects: painted.of(Decoration.set(marks, true)) });
  };
  const mark = () => {
    const { doc } = view.state;
    const found = app.state.troubles.map((p): Diagnostic => {
      const line = Math.min(Math.max(p.line, 1), doc.lines);
      const from = offset(doc, line, p.column);
      return {
        from,
        to: Math.max(from, offset(doc, line, p.column + p.len)),
        severity: "error",
        message: p.message,
      };
    });
    // What was expected, in the text that ran: failed ones where they stand.
    const ran = app.state.good === doc.toString() ? (app.state.course?.checks ?? []) : [];
    for (const { line, column, len, failure } of ran) {
      if (failure === null) continue;
      const from = offset(doc, line, column);
      const to = Math.min(doc.line(Math.min(line, doc.lines)).to, offset(doc, line, column + len));
      found.push({
        from,
        to: Math.max(from, to),
        severity: "warning",
        message: `${t("failed")}${t("is")}${failure}`,
      });
    }
    const lines = ran
      .filter((c) => c.line <= doc.lines)
      .map((c) =>
        Decoration.line({
          class: c.elsewhere ? "cm-elsewhere" : c.failure === null ? "cm-held" : "cm-failed",
          attributes: {
            "data-sign": c.elsewhere
              ? `– ${t("elsewhere")}`
              : c.failure === null
                ? `✓ ${t("holds")}`
                : `✕ ${t("failed")}`,
          },
        }).range(doc.line(c.line).from),
      );
    view.dispatch(setDiagnostics(view.state, found), {
      effects: judged.of(Decoration.set(lines, true)),
    });
  };
  void colour();
  mark();
  return {
    set(text: string): void {
      if (text === view.state.doc.toString()) return;
      view.dispatch({
        changes: { from: 0, to: view.state.doc.length, insert: text },
        annotations: fromOutside.of(true),
      });
    },
    mark,
  };
}

/** Columns of the core count characters; CodeMirror counts UTF-16 units. */
function offset(doc: Text, line: number, column: number): number {
  const { from, text } = doc.line(Math.min(Math.max(line, 1), doc.lines));
  return from + [...text].slice(0, Math.max(0, column - 1)).join("").length;
}
