// The page of a sync. Without it everything can be read, edited and saved as well, only less comfortably.
"use strict";

(() => {
    const form = document.querySelector("[data-editor]");
    if (!form || form.querySelector("fieldset").disabled) {
        return;
    }
    const state = form.querySelector("[data-state]");
    const sides = ["left", "right"];
    let unsaved = form.hasAttribute("data-unsaved");
    let made = 0;

    function show(element, text) {
        element.textContent = text;
        element.hidden = !text;
    }

    function touch() {
        unsaved = true;
        show(state, "Not saved yet.");
    }

    window.addEventListener("beforeunload", (event) => {
        if (unsaved) {
            event.preventDefault();
        }
    });
    form.addEventListener("submit", () => {
        unsaved = false;
    });

    // A limit that the sync's own runs suggest, filled in; it is kept when the page is saved.
    for (const button of form.querySelectorAll("[data-takes]")) {
        button.hidden = false;
        button.addEventListener("click", () => {
            for (const pair of button.dataset.takes.split(" ")) {
                const [id, value] = pair.split("=");
                document.getElementById(id).value = value;
            }
            touch();
        });
    }

    // What the systems have: field → its label, and the format that usually fits it.
    const known = {};
    for (const side of sides) {
        const options = document.querySelectorAll(`#fields-${side} option`);
        known[side] = new Map([...options].map((option) => [option.value, option]));
    }

    function describe(row, mayChoose) {
        for (const side of sides) {
            const input = row.querySelector(`[data-field="${side}"]`);
            const found = known[side].get(input.value.split(/[.[]/)[0]);
            row.querySelector(`[data-said="${side}"]`).textContent = found ? found.label : "";
            const format = row.querySelector("select[name$='-kind']");
            if (mayChoose && found?.dataset.kind && !format.dataset.chosen) {
                format.value = found.dataset.kind;
            }
        }
    }

    // Settings that mean something for one format only are out of the way elsewhere, unless they hold something.
    const consent = ["consent"];
    const meant = { region: ["phone", "number", "money"], currency: ["money"], currency_field_left: ["money"], currency_field_right: ["money"], through: ["reference"], restricted_when_left: consent, restricted_when_right: consent };

    function fold(row) {
        const format = row.querySelector("select[name$='-kind']").value;
        for (const [name, formats] of Object.entries(meant)) {
            const input = row.querySelector(`[name$='-${name}']`);
            const isWrong = input.getAttribute("aria-invalid") === "true";
            input.closest(".as-field").hidden = !formats.includes(format) && !input.value && !isWrong;
        }
    }

    // Lists: rows are added, moved and ticked for removal.
    function list(name) {
        return form.querySelector(`[data-list="${name}"]`);
    }

    function prepare(row) {
        row.querySelectorAll("[data-move]").forEach((button) => {
            button.hidden = false;
        });
        if (row.dataset.row === "pair") {
            describe(row, false);
            fold(row);
        }
    }

    function add(name) {
        const pattern = document.getElementById(`${name}-pattern`);
        const holder = document.createElement("template");
        made += 1;
        holder.innerHTML = pattern.innerHTML.replaceAll("KEY", `added${made}-${Date.now()}`);
        const row = holder.content.querySelector("[data-row]");
        list(name).append(row);
        prepare(row);
        row.querySelector("input:not([type=hidden])").focus();
        touch();
    }

    function move(button) {
        const row = button.closest("[data-row]");
        const isUp = button.dataset.move === "up";
        const other = isUp ? row.previousElementSibling : row.nextElementSibling;
        if (other?.dataset.row) {
            isUp ? other.before(row) : other.after(row);
            button.focus();
            touch();
        }
    }

    // The last of the rows of two inputs is always blank.
    function grow(line) {
        if (line.nextElementSibling || ![...line.querySelectorAll("input")].some((input) => input.value)) {
            return;
        }
        const blank = line.cloneNode(true);
        blank.querySelectorAll("input").forEach((input) => {
            input.value = "";
            input.removeAttribute("id");
        });
        line.after(blank);
    }

    function offer(name, inputs) {
        const values = new Set([...form.querySelectorAll(inputs)].map((input) => input.value).filter(Boolean));
        const options = [...values].map((value) => Object.assign(document.createElement("option"), { value }));
        document.getElementById(name).replaceChildren(...options);
    }

    function offerNames() {
        offer("groups", "[name^='pair-'][name$='-group']");
        offer("maps", "[name^='map-'][name$='-name']");
    }

    function insert(select) {
        const area = select.closest(".as-field").querySelector("textarea");
        if (select.value) {
            area.value = `${area.value.trim() || "value"}|${select.value}`;
            select.value = "";
            area.focus();
            touch();
        }
    }

    function chooseWhen() {
        const rhythm = form.querySelector("[name='head-rhythm']").value;
        form.querySelectorAll("[data-when]").forEach((part) => {
            part.hidden = !part.dataset.when.split(" ").includes(rhythm);
        });
        if (rhythm === "cron") {
            form.querySelector("[name='head-cron']").closest("details").open = true;
        }
    }

    form.addEventListener("input", (event) => {
        touch();
        const line = event.target.closest("[data-pair-row]");
        if (line) {
            grow(line);
        }
    });
    form.addEventListener("change", (event) => {
        const target = event.target;
        const row = target.closest("[data-row]");
        if (target.matches("[data-inserts]")) {
            insert(target);
        } else if (target.matches("[data-field]")) {
            describe(row, !row.dataset.hadFields);
            fold(row);
        } else if (target.matches("select[name$='-kind']")) {
            target.dataset.chosen = "yes";
            fold(row);
        } else if (target.matches("[data-remove]")) {
            row.classList.toggle("as-removed", target.checked);
        } else if (target.matches("[name='head-rhythm']")) {
            chooseWhen();
        }
        if (target.matches("[name$='-group'], [name^='map-'][name$='-name']")) {
            offerNames();
        }
    });
    form.addEventListener("click", (event) => {
        const button = event.target.closest("button");
        if (button?.dataset.add) {
            add(button.dataset.add);
        } else if (button?.dataset.move) {
            move(button);
        }
    });
    // Only where they are looked at: hundreds of field pairs have thousands of them.
    form.addEventListener("toggle", (event) => {
        const pattern = document.getElementById("cleanups");
        event.target.querySelectorAll("textarea[data-cleanup]").forEach((area) => {
            if (!area.parentElement.querySelector("[data-inserts]")) {
                area.after(pattern.content.cloneNode(true));
            }
        });
    }, true);

    // What the rules would do, asked without saving them.
    async function ask(address, button) {
        button.disabled = true;
        show(state, "Asking …");
        try {
            const answer = await fetch(address, { method: "POST", body: new FormData(form), headers: { "X-Requested-With": "fetch" } });
            const said = await answer.json();
            show(state, said.error || "");
            return said.error ? null : said;
        } catch {
            show(state, "That did not work. Please try again.");
            return null;
        } finally {
            button.disabled = false;
        }
    }

    function tried(row, said) {
        const place = row.querySelector("[data-tried]");
        if (!said) {
            show(place, "");
            return;
        }
        const lines = sides.map((side) => `${form.dataset[side]} has: ${said[side]}`);
        for (const side of sides) {
            if (said[`to_${side}`]) {
                lines.push(`would be written to ${form.dataset[side]}: ${said[`to_${side}`]}`);
            }
        }
        if (said.problem) {
            lines.push(said.problem);
        }
        place.hidden = false;
        place.classList.toggle("as-note--warn", Boolean(said.problem));
        place.replaceChildren(...lines.map((text) => Object.assign(document.createElement("div"), { textContent: text })));
    }

    async function tryRules(button) {
        const said = await ask(form.dataset.try, button);
        if (said) {
            show(form.querySelector("[data-person]"), said.person ? `Shown with ${said.person}. Nothing was written.` : "");
            form.querySelectorAll("[data-row='pair']").forEach((row) => {
                const [left, right] = sides.map((side) => row.querySelector(`[data-field="${side}"]`).value.trim());
                tried(row, said.rows?.[`${left}|${right}`]);
            });
        }
    }

    async function countPeople(button) {
        const said = await ask(form.dataset.count, button);
        if (!said) {
            return;
        }
        for (const side of sides) {
            show(form.querySelector(`[data-counted="${side}"]`), said.sides?.[side] || "");
        }
        const match = form.querySelector("[data-counted='match']");
        match.hidden = !said.match?.length;
        match.replaceChildren(...(said.match || []).map((text) => Object.assign(document.createElement("li"), { textContent: text })));
        form.querySelectorAll("[data-row='map']").forEach((row) => {
            const without = said.unmapped?.[row.querySelector("[name$='-name']").value] || {};
            const lines = sides.filter((side) => without[side]?.length).map((side) => `Without a pair in ${form.dataset[side]}: ${without[side].join(", ")}`);
            show(row.querySelector("[data-unmapped]"), lines.join(" · "));
        });
    }

    const buttons = { try: ["[data-tries]", tryRules], count: ["[data-counts]", countPeople] };
    for (const [name, [selector, act]] of Object.entries(buttons)) {
        const button = form.querySelector(selector);
        button.hidden = !form.dataset[name];
        button.addEventListener("click", () => act(button));
    }

    form.querySelectorAll("[data-row='pair']").forEach((row) => {
        // A format that was chosen once is not changed by choosing another field.
        row.dataset.hadFields = row.querySelector("[data-field='left']").value ? "yes" : "";
    });
    // Further ones come by their button.
    form.querySelectorAll("#rule-new, #map-new").forEach((row) => row.remove());
    form.querySelectorAll("[data-row]").forEach(prepare);
    form.querySelectorAll("[data-add]").forEach((button) => {
        button.hidden = false;
    });
    offerNames();
    chooseWhen();
    if (unsaved) {
        show(state, "Not saved yet.");
    }
})();
