-- Spreads the tables of the account server over the nodes of a Citus cluster. Run once by hand, after the first start of a
-- server has made the tables and before the first account is made; see docs/operations.md.
--
-- account_id leads every primary key and every statement names it, so each request is answered by one node. The tables are
-- placed together: joins and transactions of an account stay on its node. Only sweeping and checking ask all nodes.

SELECT create_distributed_table('account', 'account_id');
SELECT create_distributed_table('credential', 'account_id', colocate_with => 'account');
SELECT create_distributed_table('session', 'account_id', colocate_with => 'account');
SELECT create_distributed_table('file', 'account_id', colocate_with => 'account');
SELECT create_distributed_table('head', 'account_id', colocate_with => 'account');
SELECT create_distributed_table('record', 'account_id', colocate_with => 'account');
SELECT create_distributed_table('approval', 'account_id', colocate_with => 'account');
SELECT create_distributed_table('member', 'account_id', colocate_with => 'account');
SELECT create_distributed_table('membership', 'account_id', colocate_with => 'account');
SELECT create_distributed_table('invite', 'account_id', colocate_with => 'account');
SELECT create_distributed_table('machine', 'account_id', colocate_with => 'account');
SELECT create_distributed_table('audit', 'account_id', colocate_with => 'account');
-- Which steps were taken: the same everywhere.
SELECT create_reference_table('migration');
