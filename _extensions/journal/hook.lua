-- Quarto starts this before and after a render (`pre-render` and `post-render` in _quarto.yml), and cvlib
-- drops the frozen chapters that are no longer true: the cvlib of QUARTO_PYTHON, else of the project's .venv,
-- else the command on PATH, else that of a Python on PATH. Without any of them all frozen chapters stand.

if os.getenv("CVLIB_RENDERS") then return {} end -- `cvlib render` has done it already

local stage = os.getenv("QUARTO_PROJECT_OUTPUT_FILES") and "post" or "pre"
local root = os.getenv("QUARTO_PROJECT_DIR") or "."
local windows = package.config:sub(1, 1) == "\\"

local function quoted(path)
  return windows and '"' .. path .. '"' or "'" .. path:gsub("'", "'\\''") .. "'"
end

local commands = {} -- each with the name that it has in a message
local function add(name, command) table.insert(commands, { name = name, line = command .. " " .. stage .. " 2>&1" }) end
local function add_python(path) add(path, quoted(path) .. " -m cvlib.freeze.hook") end

if (os.getenv("QUARTO_PYTHON") or "") ~= "" then add_python(os.getenv("QUARTO_PYTHON")) end
for _, inside in ipairs({ "/.venv/bin/python", "/.venv/Scripts/python.exe" }) do
  local file = io.open(root .. inside, "rb")
  if file then
    file:close()
    add_python(root .. inside)
  end
end
add("cvlib", "cvlib hook")
add_python("python3")
add_python("python")

local why = "no Python was found"
for _, command in ipairs(commands) do
  local pipe = io.popen(command.line)
  for line in pipe:lines() do
    if line:find("^cvlib: ") then
      io.stderr:write(line, "\n")
    elseif line:find("No module named", 1, true) then
      why = command.name .. ": " .. line:match("No module named.*")
    end
  end
  if pipe:close() then return {} end
end
if stage == "pre" then
  io.stderr:write("cvlib: freshness was not checked (", why, "); frozen chapters are taken as they are\n")
end
return {}
