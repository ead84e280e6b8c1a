"""the yearly wave

Revision: 0005
Follows: 0004
"""

import sqlalchemy as sa
from alembic import op

revision = '0005'
down_revision = '0004'
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column('companies', sa.Column('chosen', sa.JSON(), server_default='{}', nullable=False))
    op.add_column('contacts', sa.Column('time_zone', sa.String(length=64), server_default='', nullable=False))
    op.add_column('wave_clients', sa.Column('no_address', sa.JSON(), server_default='[]', nullable=False))
    op.add_column('invitations', sa.Column('zone_source', sa.String(length=16), server_default='', nullable=False))


def downgrade() -> None:
    for table, column in (
        ('invitations', 'zone_source'),
        ('wave_clients', 'no_address'),
        ('contacts', 'time_zone'),
        ('companies', 'chosen'),
    ):
        with op.batch_alter_table(table, schema=None) as batch_op:
            batch_op.drop_column(column)
