"""the portal connection

Revision: 0003
Follows: 0002
"""

import sqlalchemy as sa
from alembic import op

revision = '0003'
down_revision = '0002'
branch_labels = None
depends_on = None

QUEUES = ('inbox', 'outbox', 'chores', 'letters')


def upgrade() -> None:
    op.create_table('erased_portals',
    sa.Column('id', sa.Integer(), nullable=False),
    sa.Column('member', sa.String(length=64), nullable=False),
    sa.Column('domain', sa.String(length=255), nullable=False),
    sa.Column('why', sa.String(length=16), nullable=False),
    sa.Column('erased_at', sa.DateTime(timezone=True), nullable=False),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_erased_portals'))
    )
    with op.batch_alter_table('portals', schema=None) as batch_op:
        batch_op.add_column(sa.Column('spare_refresh_token', sa.LargeBinary(), nullable=True))
        batch_op.add_column(sa.Column('spare_user_id', sa.Integer(), nullable=True))
        batch_op.add_column(sa.Column('spare_at', sa.DateTime(timezone=True), nullable=True))
        batch_op.add_column(sa.Column('removed_at', sa.DateTime(timezone=True), nullable=True))
        batch_op.add_column(sa.Column('erase_after', sa.DateTime(timezone=True), nullable=True))
        batch_op.add_column(sa.Column('erase_wished_at', sa.DateTime(timezone=True), nullable=True))
        batch_op.add_column(sa.Column('farewell', sa.String(length=64), server_default='', nullable=False))
    for name in QUEUES:
        op.add_column(name, sa.Column('origin', sa.String(length=64), server_default='', nullable=False))
    op.create_table('requests',
    sa.Column('id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=False),
    sa.Column('portal_id', sa.Integer(), nullable=True),
    sa.Column('at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('method', sa.String(length=100), nullable=False),
    sa.Column('inner', sa.JSON(), nullable=False),
    sa.Column('seconds', sa.REAL(), nullable=False),
    sa.Column('operating', sa.REAL(), nullable=True),
    sa.Column('status', sa.Integer(), nullable=False),
    sa.Column('code', sa.String(length=100), nullable=False),
    sa.Column('failed', sa.Integer(), nullable=False),
    sa.Column('sent', sa.Integer(), nullable=False),
    sa.Column('received', sa.Integer(), nullable=False),
    sa.Column('by', sa.String(length=16), nullable=False),
    sa.Column('request_id', sa.String(length=64), nullable=False),
    sa.Column('skew', sa.REAL(), nullable=True),
    sa.ForeignKeyConstraint(['portal_id'], ['portals.id'], name=op.f('fk_requests_portal_id_portals'), ondelete='CASCADE'),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_requests'))
    )
    op.create_index('ix_requests_moment', 'requests', ['portal_id', 'at', 'id'], unique=False)
    with op.batch_alter_table('outbox', schema=None) as batch_op:
        batch_op.add_column(sa.Column('part', sa.Integer(), server_default='0', nullable=False))


def downgrade() -> None:
    with op.batch_alter_table('outbox', schema=None) as batch_op:
        batch_op.drop_column('part')
    op.drop_table('requests')
    for name in QUEUES:
        with op.batch_alter_table(name, schema=None) as batch_op:
            batch_op.drop_column('origin')
    with op.batch_alter_table('portals', schema=None) as batch_op:
        for name in ('farewell', 'erase_wished_at', 'erase_after', 'removed_at', 'spare_at', 'spare_user_id', 'spare_refresh_token'):
            batch_op.drop_column(name)
    op.drop_table('erased_portals')
