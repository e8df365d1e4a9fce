"""The table of training settings in docs/training.md, generated from the classes."""

from pydantic import BaseModel

from trainer.settings.training import TrainingSettings


def settings_table() -> str:
    """A Markdown table: name, default, description. The fit is described in dayahead/models/settings.py."""
    rows = ["| setting | default | what it is |", "| --- | --- | --- |"]
    for name, field in TrainingSettings.model_fields.items():
        part = field.annotation
        if name == "fit":
            rows.append(f"| `{name}.…` | | {field.description}: see dayahead/models/settings.py |")
        elif isinstance(part, type) and issubclass(part, BaseModel):
            for inner, inner_field in part.model_fields.items():
                default = inner_field.get_default(call_default_factory=True, validated_data={})
                shown = "" if default == {} else f"{default}"
                rows.append(f"| `{name}.{inner}` | {shown} | {inner_field.description} |")
        else:
            rows.append(f"| `{name}` | {field.default} | {field.description} |")
    return "\n".join(rows) + "\n"
