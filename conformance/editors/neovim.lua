-- Neovim on the Tenfold example: a misspelt word is reported, the fix is offered, hover explains, a rename reaches the contract.
local function ends(code, text)
  io.stdout:write(text .. '\n')
  vim.cmd(code == 0 and 'qall!' or 'cquit!')
end

local ok, problem = pcall(function()
  vim.cmd('edit manifests/templates.yaml')
  local buffer = vim.api.nvim_get_current_buf()
  local id = vim.lsp.start_client({ name = 'deskstate', cmd = { vim.env.DESKSTATE, 'lsp' }, root_dir = vim.fn.getcwd() })
  assert(id, 'the server does not start')
  vim.lsp.buf_attach_client(buffer, id)
  assert(vim.wait(10000, function() return vim.lsp.get_client_by_id(id) and vim.lsp.get_client_by_id(id).initialized end, 20), 'not initialized')

  local function ask(method, row, column, more)
    local params = vim.tbl_extend('force', {
      textDocument = vim.lsp.util.make_text_document_params(buffer),
      position = { line = row, character = column },
    }, more or {})
    local answers = assert(vim.lsp.buf_request_sync(buffer, method, params, 10000), method .. ': no answer')
    local answer = assert(answers[id], method .. ': no answer')
    assert(not answer.error, method .. ': ' .. vim.inspect(answer.error))
    return answer.result
  end
  local function find(word)
    for row, line in ipairs(vim.api.nvim_buf_get_lines(buffer, 0, -1, false)) do
      local column = line:find(word, 1, true)
      if column then return row - 1, column - 1, line end
    end
    error('no ' .. word)
  end

  local row, column, line = find('communicationPanelMode: Docked')
  local hover = ask('textDocument/hover', row, column)
  assert(hover.contents.value:find('must be Docked', 1, true), vim.inspect(hover))

  vim.api.nvim_buf_set_lines(buffer, row, row + 1, false, { (line:gsub('Docked', 'Doked')) })
  local found = function() return vim.diagnostic.get(buffer) end
  assert(vim.wait(10000, function() return #found() > 0 end, 20), 'no diagnostics')
  assert(found()[1].code == 'unknown-value' and found()[1].message:find('Docked', 1, true), vim.inspect(found()))
  local point = { line = row, character = column + 26 }
  local actions = ask('textDocument/codeAction', row, column, {
    range = { start = point, ['end'] = point }, context = { diagnostics = {} },
  })
  local encoding = vim.lsp.get_client_by_id(id).offset_encoding
  vim.lsp.util.apply_workspace_edit(actions[1].edit, encoding)
  assert(vim.wait(10000, function() return #found() == 0 end, 20), 'the fix does not help')

  row, column = find('CTI_createSession')
  local edit = ask('textDocument/rename', row, column + 1, { newName = 'CTI_startSession' })
  vim.lsp.util.apply_workspace_edit(edit, encoding)
  vim.cmd('wall')
end)
if not ok then ends(1, 'Neovim: ' .. tostring(problem)) end
local run = io.popen(vim.env.DESKSTATE .. ' validate 2>&1; grep -c CTI_startSession contracts/*.yaml manifests/*.yaml')
local said = run:read('*a')
if not said:find('^valid') or said:find('yaml:0\n.*yaml:0\n.*yaml:0') or not said:find('contracts/tenfold%-cif%-v2.yaml:2') then
  ends(1, 'Neovim: the renamed project differs:\n' .. said)
end
ends(0, 'Neovim ' .. tostring(vim.version().minor) .. ': diagnostics, fix, hover and rename work')
