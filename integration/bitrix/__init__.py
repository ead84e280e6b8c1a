"""The Bitrix24 platform: knows the wire, neither NPS nor SQL (architecture.md 1)."""
