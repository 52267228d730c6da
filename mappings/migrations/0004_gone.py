from typing import Any

from django.db import migrations, models

import mappings.models


def take_over(apps: Any, schema_editor: Any) -> None:
    """The word that was for all is for all kinds now."""
    sides = apps.get_model("mappings", "SyncSide").objects
    for word in ("ignore", "review"):
        sides.filter(former_gone=word).update(gone=word)


def put_back(apps: Any, schema_editor: Any) -> None:
    sides = apps.get_model("mappings", "SyncSide").objects
    for word in ("ignore", "review"):
        sides.filter(gone=word).update(former_gone=word)


class Migration(migrations.Migration):

    dependencies = [
        ("mappings", "0003_references"),
    ]

    operations = [
        migrations.RenameField(model_name="syncside", old_name="gone", new_name="former_gone"),
        migrations.AddField(
            model_name="syncside",
            name="gone",
            field=models.JSONField(
                default=mappings.models.gone_by_default,
                help_text="One word for all kinds of absence, or a word each.",
            ),
        ),
        migrations.AddField(
            model_name="syncside",
            name="disabled",
            field=models.TextField(
                blank=True,
                default="",
                help_text="A condition: who is switched off there; empty: nobody.",
            ),
            preserve_default=False,
        ),
        migrations.RunPython(take_over, put_back),
        migrations.RemoveField(model_name="syncside", name="former_gone"),
    ]
