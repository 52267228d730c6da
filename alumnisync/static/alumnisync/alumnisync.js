// What our pages do beyond links and forms. Every page also works without it, but for what is said to need it.
"use strict";

// A form that asks before it is sent: <form data-confirm="Send 22 changes to CRM?">
document.addEventListener("submit", (event) => {
    const question = event.target.dataset?.confirm || event.submitter?.dataset?.confirm;
    if (question && !window.confirm(question)) {
        event.preventDefault();
    }
});

// The theme's own script looks for a text box beside every file input, and fails where there is none.
document.addEventListener(
    "change",
    (event) => {
        if (event.target.matches("input[type=file].as-input")) {
            event.stopPropagation();
        }
    },
    true,
);

// A part of the page that fetches itself anew until it says that it is finished:
// <div data-refresh="/address" data-refresh-seconds="2">…</div>
function keepFresh(part) {
    const seconds = Number(part.dataset.refreshSeconds || 2);
    window.setTimeout(async () => {
        let answer;
        try {
            answer = await fetch(part.dataset.refresh, { headers: { "X-Requested-With": "fetch" } });
        } catch {
            keepFresh(part);
            return;
        }
        if (!answer.ok) {
            return;
        }
        const holder = document.createElement("div");
        holder.innerHTML = await answer.text();
        const fresh = holder.firstElementChild;
        if (fresh?.dataset.reload === "yes") {
            window.location.reload();
            return;
        }
        part.replaceWith(fresh);
        if (fresh.dataset.refresh) {
            keepFresh(fresh);
        }
    }, seconds * 1000);
}

// A setting that only matters beside some choices of another: <input data-when="auth_type=basic oauth2">
function showWhenItMatters(control) {
    const [name, choices] = control.dataset.when.split("=");
    const deciding = control.form?.elements[name];
    const row = control.closest("[data-setting]") || control.closest(".as-field");
    const follow = () => {
        const matters = choices.split(" ").includes(deciding.value);
        control.disabled = !matters;
        row.hidden = !matters;
    };
    if (deciding) {
        deciding.addEventListener("change", follow);
        follow();
    }
}

document.addEventListener("DOMContentLoaded", () => {
    document.querySelectorAll("[data-when]").forEach(showWhenItMatters);
    document.querySelectorAll("[data-refresh]").forEach(keepFresh);
    // A box that ticks all boxes of its table.
    document.querySelectorAll("[data-ticks]").forEach((box) => {
        box.addEventListener("change", () => {
            document.querySelectorAll(box.dataset.ticks).forEach((each) => {
                each.checked = box.checked;
            });
        });
    });
});
